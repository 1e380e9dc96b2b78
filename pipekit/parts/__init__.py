"""What parts of a pipeline are made for: batches, and the contracts of encoders and components."""
