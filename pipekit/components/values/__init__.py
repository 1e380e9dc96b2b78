"""Dates, money, numbers and addresses in texts, with what they amount to."""
