// An object whose path-style address is that of the API's user.
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
const client = new S3Client({
  endpoint: process.argv[2],
  region: 'us-east-1',
  forcePathStyle: true,
  maxAttempts: 1,
  credentials: { accessKeyId: 'any', secretAccessKey: 'any' },
});
const { Body } = await client.send(new GetObjectCommand({ Bucket: 'api', Key: 'v4/user' }));
console.log(await Body.transformToString());
