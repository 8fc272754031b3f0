"""The numbers of the comparison: table, measures, paired comparisons, claims, slices, search.

Not here: how numbers are formatted (`report`) or drawn (`figures`), and resampling itself
(`faceseg.statistics`).
"""
