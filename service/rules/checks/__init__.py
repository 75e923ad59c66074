"""Whether rule sets and rosters are right: every problem at once, by path; and warnings of what is odd. No I/O."""
