"""What is drawn and written from run folders."""
