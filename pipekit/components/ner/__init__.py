"""Names: flat by a CRF, nested by scores of spans."""
