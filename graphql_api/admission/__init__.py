"""Which operations run: their documents are read, priced and checked before any work is done."""
