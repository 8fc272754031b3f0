"""What a storage contains: the state of its studies, and files that nothing needs any more.

Not here: running a study (studies) and its report (compare). Nothing is changed but by `clean`.
"""
