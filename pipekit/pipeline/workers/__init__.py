"""Documents through worker processes: what a process does to them, and who looks after the processes."""
