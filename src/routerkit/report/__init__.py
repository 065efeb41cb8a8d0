"""What an evaluation tells people: intervals, breakdowns, and a page to read. No figure is defined here."""
