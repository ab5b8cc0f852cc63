<?php
$body = file_get_contents($argv[1]);
if ($body === false) {
    exit(1);
}
echo $body;
