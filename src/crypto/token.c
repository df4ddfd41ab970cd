/* What OpenSSL speaks PKCS#11 with differs by distribution: Debian 12 has an engine, 13 a provider. */
#define OPENSSL_SUPPRESS_DEPRECATED /* engines */
#include "crypto/token.h"

#include "crypto/failed.h"

#include <openssl/engine.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <string.h>

/* OpenSSL asks through this; the PIN is written where it says, and nowhere else. */
static int give_pin(UI *ui, UI_STRING *what)
{
	const struct signer_wish *w = UI_get0_user_data(ui);
	SECRET pin = { 0 };
	int r;

	if (UI_get_string_type(what) != UIT_PROMPT && UI_get_string_type(what) != UIT_VERIFY)
		return 1;
	if (!w->pin || !w->pin(w->key, &pin))
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

static EVP_PKEY *by_provider(const struct signer_wish *w, UI_METHOD *ui)
{
	OSSL_STORE_CTX *store = OSSL_STORE_open(w->key, ui, (void *)(uintptr_t)w, NULL, NULL);
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

static EVP_PKEY *by_engine(const struct signer_wish *w, UI_METHOD *ui)
{
	ENGINE *e;
	EVP_PKEY *key = NULL;

	ENGINE_load_dynamic();
	e = ENGINE_by_id("pkcs11");
	if (e && ENGINE_init(e)) {
		key = ENGINE_load_private_key(e, w->key, ui, (void *)(uintptr_t)w);
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

enum outcome token_key(const struct signer_wish *w, EVP_PKEY **ret, struct why *why)
{
	UI_METHOD *ui = pin_method();
	bool provider = have_provider(), engine = !provider && have_engine();

	*ret = !ui ? NULL : provider ? by_provider(w, ui) : engine ? by_engine(w, ui) : NULL;
	UI_destroy_method(ui);
	if (*ret) {
		ERR_clear_error(); /* what was tried in vain before */
		return OUTCOME_OK;
	}
	(void)crypto_failed(why, "open", w->key);
	if (!provider && !engine) {
		why_detail(why, "OpenSSL has no PKCS#11 here: apt-get install libengine-pkcs11-openssl (Debian 12) or pkcs11-provider");
		return OUTCOME_ABSENT;
	}
	why_detail(why, "no such key in any token, or the PIN is wrong");
	return OUTCOME_REFUSED;
}
