"""Networks that several parts are made of, and index arithmetic of padded sequences."""
