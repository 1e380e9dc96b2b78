"""Documents through worker processes: the work of a process, and the supervision of processes."""
