"""The rows of `recipes/benchmarks/faults.py`, by what they break."""
