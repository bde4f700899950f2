"""Strangers by the thousand: random operations, bombs, tampered tokens, broken frames and slow connections."""
