from deepgram import DeepgramClient

answer = DeepgramClient().listen.v1.media.transcribe_url(url="https://example.com/a.wav", model="nova-3")
print(answer.results.channels[0].alternatives[0].transcript)
