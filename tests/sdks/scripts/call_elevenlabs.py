from elevenlabs import ElevenLabs

client = ElevenLabs()
print(client.user.get().user_id)
print(b"".join(client.text_to_speech.convert("v", text="hello")).decode())
