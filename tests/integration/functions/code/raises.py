"""Cannot be imported: raises."""

print("while loading")

raise ValueError("not today")
