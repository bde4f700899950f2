"""What is declared beside fields and inputs: prices and sizes."""
