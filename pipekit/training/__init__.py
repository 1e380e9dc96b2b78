"""Training: readers, data check, loop, metrics. Nothing outside of this folder and the command line imports it."""
