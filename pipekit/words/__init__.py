"""Words: letters, hashes, dictionaries, vectors, forms of names. numpy only."""
