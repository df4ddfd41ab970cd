/* What OpenSSL speaks PKCS#11 with differs by distribution: Debian 12 has an engine, 13 a provider. */
#define OPENSSL_SUPPRESS_DEPRECATED /* engines */
#include "crypto/token.h"

#include <openssl/engine.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <string.h>

struct asking {
	const struct signer_wish *wish;
	bool in_vain; /* nobody gave a PIN */
};

/* OpenSSL asks through this; the PIN is written where it says, and nowhere else. */
static int give_pin(UI *ui, UI_STRING *what)
{
	struct asking *a = UI_get0_user_data(ui);
	SECRET pin = { 0 };
	int r;

	if (UI_get_string_type(what) != UIT_PROMPT && UI_get_string_type(what) != UIT_VERIFY)
		return 1;
	a->in_vain = !a->wish->pin || !a->wish->pin(a->wish->key, &pin);
	if (a->in_vain)
		return 0;
	pin.bytes[pin.len < SECRET_MAX ? pin.len : SECRET_MAX - 1] = '\0';
	r = UI_set_result(ui, what, (const char *)pin.bytes);
	return r == 0;
}

static UI_METHOD *pin_method(void)
{
	UI_METHOD *m = UI_create_method("imagate PIN");

	if (m)
		(void)UI_method_set_reader(m, give_pin); /* cannot fail with a method */
	return m;
}

static EVP_PKEY *by_provider(struct asking *a, UI_METHOD *ui)
{
	OSSL_STORE_CTX *store = OSSL_STORE_open(a->wish->key, ui, a, NULL, NULL);
	EVP_PKEY *key = NULL;

	while (store && !key && !OSSL_STORE_eof(store)) {
		OSSL_STORE_INFO *info = OSSL_STORE_load(store);

		if (info && OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY)
			key = OSSL_STORE_INFO_get1_PKEY(info);
		OSSL_STORE_INFO_free(info);
	}
	(void)OSSL_STORE_close(store); /* read only */
	return key;
}

static EVP_PKEY *by_engine(struct asking *a, UI_METHOD *ui)
{
	ENGINE *e;
	EVP_PKEY *key = NULL;

	ENGINE_load_dynamic();
	e = ENGINE_by_id("pkcs11");
	if (e && ENGINE_init(e)) {
		key = ENGINE_load_private_key(e, a->wish->key, ui, a);
		(void)ENGINE_finish(e); /* the key holds what it needs */
	}
	ENGINE_free(e);
	return key;
}

static bool have_provider(void)
{
	return OSSL_PROVIDER_try_load(NULL, "pkcs11", 1) != NULL;
}

static bool have_engine(void)
{
	ENGINE *e;
	bool have;

	ENGINE_load_dynamic();
	e = ENGINE_by_id("pkcs11");
	have = e;
	ENGINE_free(e);
	return have;
}

/* What the token itself answered is an error's reason, of the engine's library as of the provider's: PKCS #11, CKR_*. */
enum { CKR_PIN_INCORRECT = 0xa0, CKR_PIN_LOCKED = 0xa4 };

/* The first error into why; the queue is empty then. */
static const char *explain(const struct asking *a, bool spoken, struct why *why)
{
	unsigned long first = ERR_peek_error();
	int pin = 0;

	for (unsigned long e; (e = ERR_get_error()) != 0;)
		if (ERR_GET_REASON(e) >= CKR_PIN_INCORRECT && ERR_GET_REASON(e) <= CKR_PIN_LOCKED && ERR_GET_LIB(e) >= ERR_LIB_USER)
			pin = ERR_GET_REASON(e);
	why_set(why, WHY_CRYPTO, (int64_t)first, "open", a->wish->key);
	if (a->in_vain)
		return "nobody gave the token's PIN";
	if (!spoken)
		return "OpenSSL has no PKCS#11 here: apt-get install libengine-pkcs11-openssl (Debian 12) or pkcs11-provider";
	if (pin)
		return pin == CKR_PIN_LOCKED ? "the token is locked: too many wrong PINs" : "the PIN is wrong";
	return "no token here has such a key: see 'p11tool --list-all', and that its module is one of p11-kit's";
}

enum outcome token_key(const struct signer_wish *w, EVP_PKEY **ret, struct why *why)
{
	struct asking asking = { w, false };
	UI_METHOD *ui;
	bool provider, engine;

	*ret = NULL;
	if (strstr(w->key, "pin-value=")) { /* not said again: errors end up in logs */
		why_set(why, WHY_TEXT, 0, "open", "the token's key");
		why_detail(why, "pin-value= is on the command line for everybody to read: leave it out, the PIN is asked for");
		return OUTCOME_REFUSED;
	}
	ui = pin_method();
	provider = have_provider();
	engine = !provider && have_engine();
	*ret = !ui ? NULL : provider ? by_provider(&asking, ui) : engine ? by_engine(&asking, ui) : NULL;
	UI_destroy_method(ui);
	if (!*ret)
		why_detail(why, explain(&asking, provider || engine, why));
	ERR_clear_error(); /* what was tried in vain before */
	return *ret ? OUTCOME_OK : provider || engine ? OUTCOME_REFUSED : OUTCOME_ABSENT;
}
