"""Components that label and mend by rules."""
