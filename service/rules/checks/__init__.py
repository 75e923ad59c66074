"""Whether rules, rosters and their parts are right: every problem at once, by path. No I/O."""
