"""Answers what an Effect program asks: python3 statistician.py unix:PATH, with the key in APP_AUTHKEY."""
import json
import os
import statistics
import sys
from multiprocessing.connection import Client


def answer(question):
    numbers = question["numbers"]
    try:
        return {"_tag": "Summary", "mean": statistics.mean(numbers), "median": statistics.median(numbers)}
    except statistics.StatisticsError as error:
        return {"_tag": "NoSummary", "why": str(error)}


_, _, path = sys.argv[1].partition(":")
with Client(path, authkey=bytes.fromhex(os.environ["APP_AUTHKEY"])) as connection:
    while True:
        try:
            question = json.loads(connection.recv_bytes().decode("utf-8"))
        except EOFError:
            break
        connection.send_bytes(json.dumps(answer(question)).encode("utf-8"))
