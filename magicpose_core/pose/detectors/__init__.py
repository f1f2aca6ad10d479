"""What finds people in pictures; each detector loads its packages when it is opened."""
