import os

from huggingface_hub import HfApi, InferenceClient

print(HfApi().whoami()["name"])
client = InferenceClient(provider="hf-inference", model="https://router.huggingface.co/hf-inference/models/m/v1")
messages = [{"role": "user", "content": f"What is {os.environ['HF_TOKEN']}?"}]
print(client.chat_completion(messages).choices[0].message.content)
