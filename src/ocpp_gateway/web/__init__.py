"""What a person or a monitor asks the running gateway over HTTP."""
