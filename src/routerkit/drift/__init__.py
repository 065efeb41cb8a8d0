"""Have the queries changed? A window of decisions against a reference: what is asked, how surely, how much outside."""
