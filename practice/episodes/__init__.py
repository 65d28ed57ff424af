"""Episodes, in and out: uploads, LeRobot datasets, shards of practice episodes, video, and what deserves a person's look.

numpy, pyarrow, PyAV and simplejpeg only: no Django, no torch.
"""
