<?php
// PHP's streams read no proxy variable. Their default context, which file_get_contents() and its like use where the program passes none of
// its own, is the one place to name a proxy from outside. No password goes with it: the proxy knows the processes of its run.
//
// This runs before every script, so it prints nothing, leaves nothing behind, and is written for any PHP from 5.3 on.

call_user_func(function () {
    $proxy = parse_url((string) getenv('HTTPS_PROXY'));
    if (empty($proxy['host']) || empty($proxy['port'])) {
        return;
    }
    // One context serves both schemes and every host. For http a proxy needs the whole URL in the request line, so it is there for https
    // too, where every server takes it (RFC 9112 3.2.2).
    $http = array('proxy' => 'tcp://' . $proxy['host'] . ':' . $proxy['port'], 'request_fulluri' => true);
    stream_context_set_default(array('http' => $http));
});

// The setting by which this file is run hides the user's own, as the last of several does: that is looked up, and run as PHP would.
$authsome_own = call_user_func(function () {
    $own = '';
    if (!function_exists('parse_ini_file')) {
        return $own; // often among the disabled functions
    }
    $scanned = preg_split('/,\s*/', trim((string) php_ini_scanned_files()), -1, PREG_SPLIT_NO_EMPTY);
    foreach (array_merge(array(php_ini_loaded_file()), $scanned) as $file) {
        $settings = is_string($file) ? @parse_ini_file($file) : false;
        if (isset($settings['auto_prepend_file']) && realpath($settings['auto_prepend_file']) !== __FILE__) {
            $own = $settings['auto_prepend_file'];
        }
    }
    return $own;
});
if ($authsome_own !== '') {
    require $authsome_own;
}
unset($authsome_own);
