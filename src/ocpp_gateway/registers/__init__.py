"""What a charger's registers mean: words in, values out. Pure: no sockets, no disk, no clock."""
