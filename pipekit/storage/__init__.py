"""Files: atomic writes, msgpack under limits, tensors under checksums."""
