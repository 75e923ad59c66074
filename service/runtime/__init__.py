"""What runs where: processes, ports, signals, threads, and the embedded Redis."""
