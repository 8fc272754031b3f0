"""`faceseg judge`: test a network of another program as a final of a study is tested.

A file is opened and tried in a child process first, whose time and memory are bounded.
"""
