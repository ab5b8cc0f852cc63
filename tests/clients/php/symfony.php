<?php
require 'Symfony/Component/HttpClient/autoload.php';

echo Symfony\Component\HttpClient\HttpClient::create()->request('GET', $argv[1])->getContent();
