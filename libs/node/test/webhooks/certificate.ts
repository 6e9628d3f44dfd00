/**
 * A certificate for tests, good for hook.example, other.example and 127.0.0.1 until 2126, signed with its own key.
 * It protects nothing. Made with openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500.
 */
export const testCertificate = {
  cert: `-----BEGIN CERTIFICATE-----
MIIBtjCCAVygAwIBAgIUOL792XwAO/L82W6pwzjWPyQhGyUwCgYIKoZIzj0EAwIw
GDEWMBQGA1UEAwwNV2ViaG9vayB0ZXN0czAgFw0yNjExMjAxMjA2MzZaGA8yMTI2
MTAyNzEyMDYzNlowGDEWMBQGA1UEAwwNV2ViaG9vayB0ZXN0czBZMBMGByqGSM49
AgEGCCqGSM49AwEHA0IABP5f28ZP6fcFqXSoyxT12FiHd+lq4l8iMFujZr1NTkCF
HKcS4C2Uu/3XnrVqz6wyEDu2vWtclg67uu9MX4x8XQmjgYEwfzAdBgNVHQ4EFgQU
JZEFCNUdsPXTzvXtF9c30uta7c4wHwYDVR0jBBgwFoAUJZEFCNUdsPXTzvXtF9c3
0uta7c4wLAYDVR0RBCUwI4IMaG9vay5leGFtcGxlgg1vdGhlci5leGFtcGxlhwR/
AAABMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIgLT9rKWPnQOIH
HBJOo9nAA4rtA3XrYNt+AG0B10cpGtACIQDqm2LW8iu0+7xFz6TunQ3aOuABC2b8
ivogaxPTOLg6GQ==
-----END CERTIFICATE-----
`,
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgzcBXR9htghxW6rJR
EXvi9b63n68aVN1yAHxzDZ4Z0jKhRANCAAT+X9vGT+n3Bal0qMsU9dhYh3fpauJf
IjBbo2a9TU5AhRynEuAtlLv91561as+sMhA7tr1rXJYOu7rvTF+MfF0J
-----END PRIVATE KEY-----
`,
};
