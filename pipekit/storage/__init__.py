"""Files: safe writes, msgpack under limits, tensors with checksums."""
