#!/usr/bin/env python3
"""Makes the samples beside it: archives as the original Amazon S3 Bundler wrote them.

It wrote with Python's tarfile in its default pax format, and took an object's
time as a float, so that every member has an extended header with its mtime; it
compressed to one gzip stream; and it joined the seven columns of its index with
commas, without quotes, whatever was in them.
"""
import hashlib
import io
import os
import tarfile
import urllib.parse
from datetime import datetime, timezone

here = os.path.dirname(os.path.abspath(__file__))
when = datetime(2017, 3, 30, 18, 6, 13, tzinfo=timezone.utc)


def content(key, size):
    out, block = b"", key.encode()
    while len(out) < size:
        block = hashlib.sha256(block).digest()
        out += block.hex().encode() + b"\n"
    return out[:size]


objects = [  # key, size, metadata, tags
    ("logs/000/obj-000000.bin", 10240, "n=0", ""),
    ("logs/000/obj-000001.bin", 512, "note=a, b, and c;owner=ada,grace", "Key=team;Value=search"),
    ("odd/with space+plus", 100, "", "Key=cost;Value=1;Key=team;Value=ads"),
    ("odd/grüße/日本", 1000, "unit=50%", ""),
    ("odd/" + "long" * 60, 2000, "", ""),
    ("odd/empty", 0, "a=", ""),
    ("odd/folder/", 0, "", ""),
    ("other/large.bin", 70000, "", ""),
]


def write(number, compressed):
    name = "src1-export-2017-03-30T18-06Z-manifest.%d" % number
    folder = os.path.join(here, hashlib.md5(("src1/" + name).encode()).hexdigest()[:6], "src1")
    os.makedirs(folder, exist_ok=True)
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w", format=tarfile.PAX_FORMAT) as t:
        for key, size, _, _ in objects:
            info = tarfile.TarInfo("src1/" + key)
            info.size, info.mtime = size, when.timestamp()
            t.addfile(info, io.BytesIO(content(key, size)))
    body = tar.getvalue()
    ending = ".tar"
    if compressed:
        import gzip
        body, ending = gzip.compress(body, mtime=0), ".tar.gz"
    with open(os.path.join(folder, name + ending), "wb") as f:
        f.write(body)
    with open(os.path.join(folder, name + ".index"), "wb") as f:
        for key, size, metadata, tags in objects:
            f.write(line(key, size, metadata, tags))


def line(key, size, metadata, tags):
    encoded = urllib.parse.quote_plus(key, safe="/*-._")
    etag = hashlib.md5(content(key, size)).hexdigest()
    return ('src1,%s,%d,%s,"%s",%s,%s\n' % (encoded, size, when.isoformat(" "), etag, metadata, tags)).encode()


def big(key, size):
    encoded = urllib.parse.quote_plus(key, safe="/*-._")
    path = os.path.join(here, hashlib.md5(("src1/" + encoded).encode()).hexdigest()[:6], "src1", "bigobjects", key)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(content(key, size))
    with open(path + ".metadata", "wb") as f:
        f.write(line(key, size, "kept=yes, please", ""))


write(0, False)
write(1, True)
big("big/one.bin", 5000)
