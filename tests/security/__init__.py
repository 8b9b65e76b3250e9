"""What an attacker tries, as tests."""
