"""What a storage contains: the state of its studies, and files that nothing needs any more.

`status` and `clean` create, change and delete no result; only `clean --delete` deletes files. Both
open MLflow's database, and so correct its addresses after the storage was moved, as every verb does
(`tracking.relocation`). Not here: running a study (studies) and its report (compare).
"""
