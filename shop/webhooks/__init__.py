"""What webhooks of other shop systems say, read from their JSON: pure functions, one file for each system."""
