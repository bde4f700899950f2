"""Measures the texts under lists: with a provider that fails, with a real small model, and how long queries take."""
