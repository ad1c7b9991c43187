"""Computes a wave into shared memory, and keeps it until it is told that it was read."""
import math
import sys
from multiprocessing.shared_memory import SharedMemory

count = int(sys.argv[1])
segment = SharedMemory(create=True, size=8 * count)
numbers = segment.buf.cast("d")
for i in range(count):
    numbers[i] = math.sin(2 * math.pi * i / count)
print(segment.name, flush=True)
sys.stdin.readline()
print("Python sees the first number:", numbers[0], flush=True)
numbers.release()
segment.close()
segment.unlink()
