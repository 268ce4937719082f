"""``python -m landshift``."""

from landshift.cli import main

main(prog_name="landshift")
