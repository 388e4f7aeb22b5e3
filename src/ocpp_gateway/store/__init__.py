"""What survives a power cut: transactions, meters, the outbox, configuration and profiles."""
