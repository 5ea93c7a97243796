"""Steps: one module for each state of the machine that does something; its main function reads as its sentence."""
