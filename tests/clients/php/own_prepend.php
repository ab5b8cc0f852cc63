<?php
echo 'my own prepend';
