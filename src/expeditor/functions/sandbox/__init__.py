"""What runs in the processes of functions: zygote, templates and workers. Standard library and msgspec only.

The zygote loads this folder under the name of its own package (see ``__main__``), so a handler's process holds nothing
of the node. The node imports the messages from here.
"""
