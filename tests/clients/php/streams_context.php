<?php
// A context of the program's own, as one needs it to send a header.
$context = stream_context_create(['http' => ['header' => 'PRIVATE-TOKEN: ' . getenv('GITLAB_ACCESS_TOKEN')]]);
$body = file_get_contents($argv[1], false, $context);
if ($body === false) {
    exit(1);
}
echo $body;
