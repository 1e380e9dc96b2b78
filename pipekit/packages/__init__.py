"""What pipekit writes for people: packages of plugins and of pipelines, and recipes.

The files are made of templates, which are data files of this room.
"""
