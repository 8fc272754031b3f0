"""The image formats that are read, and the names of their files.

The content of a file decides its format. The suffix only decides whether a finder of images lists
the file.
"""

# A finder lists files with these suffixes, whatever the case. HEIC and AVIF are not read, but
# listed, so that a folder of them gives a reason for each file in place of 'no images'.
IMAGE_SUFFIXES = (
    ".jpg", ".jpeg", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif",
    ".heic", ".heif", ".avif",
)  # fmt: skip
