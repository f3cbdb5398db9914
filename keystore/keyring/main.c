/* signet-keyring */
int main(void)
{
	return 2;
}
