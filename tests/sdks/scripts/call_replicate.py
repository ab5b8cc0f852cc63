import replicate

print(replicate.run("ada/upper:" + 64 * "0", input={"text": "hello"}))
